"""Reports: reads over all slices, for people and for files.

Books only grow, so each report takes a day (`as_of`) and can be made again for any day that is past.
"""
