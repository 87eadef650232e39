"""DataOps backends on AWS: records in DynamoDB (`dynamodb://region/prefix`), blobs in S3 (`s3://bucket/prefix`).

Nothing of boto3 is imported before a store is opened. Credentials come from boto3's own chain and from nowhere else.
"""
