"""What the vendors' simulators share: HTTP, faults on demand, the log of requests, the clock."""
