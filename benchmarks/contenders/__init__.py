"""Ways to make a table equal a feed, each run in a process of its own."""
