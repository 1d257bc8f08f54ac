"""The contract as written: operations, parameters and credentials of an OpenAPI document."""
