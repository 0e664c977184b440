"""The subcommands of ``forecourt``, one file each."""
