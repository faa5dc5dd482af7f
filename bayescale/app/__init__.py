"""The local app: a table is dropped on a page of this machine, fitted, and answered (Streamlit)."""
