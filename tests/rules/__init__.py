"""The rules over time, one file each: given a history, when a day comes, then what is due."""
