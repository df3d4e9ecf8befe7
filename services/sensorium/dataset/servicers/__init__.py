"""The methods of DatasetService, one module for each noun."""
