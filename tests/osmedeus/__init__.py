"""The import of Osmedeus bases."""
