"""The judgment cache: answers on disk, under keys that hold all that decides on them."""
