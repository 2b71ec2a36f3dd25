"""The review page in Streamlit."""
