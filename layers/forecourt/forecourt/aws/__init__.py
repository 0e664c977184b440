"""The AWS adapters: KMS, SQS, S3, Secrets Manager."""
