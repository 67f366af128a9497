"""The demo: a believable French group, written as the files such a group would have, taken through the main path."""
