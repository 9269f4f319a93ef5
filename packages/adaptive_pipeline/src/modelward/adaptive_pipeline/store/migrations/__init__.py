"""How the tables came to be, one revision a file, for databases made by earlier versions."""
