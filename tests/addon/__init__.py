"""The add-on folders: made from the settings, and held together with them."""
