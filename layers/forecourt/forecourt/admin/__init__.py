"""What dealership staff and operators see and do over /api/admin."""
