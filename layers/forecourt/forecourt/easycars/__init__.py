"""The EasyCars adapter: its client, its messages, and the mappings to and from ours."""
