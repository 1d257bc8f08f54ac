"""What a listing means: filters, facets and pages."""
