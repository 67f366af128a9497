"""Plans and autopay: the lists, one plan with its decision, and the limits within which plans are accepted."""
