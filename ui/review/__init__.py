"""The review's data and actions, without a page: served to the Streamlit views and to the API."""
