"""What every HTML surface needs: templates, files beside them, forms, and the headers of pages."""
