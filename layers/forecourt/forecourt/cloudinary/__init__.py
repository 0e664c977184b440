"""Cloudinary, where a dealer group keeps its pictures there instead of in S3."""
