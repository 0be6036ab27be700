"""The front doors: the command line and the terminal console."""
