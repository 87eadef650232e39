"""The command line: `dataops`. Each command's module is imported when the command is called."""
