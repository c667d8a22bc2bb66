"""One self-contained HTML page that shows pictures, figures and plots."""
