"""What ``likeness review`` serves: the page, behind the gate that asks for the password."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from schema.settings import Settings
from ui.gate import Gate
from ui.serve import GATED, PASSWORD

_settings = Settings.model_validate_json(os.environ.get("LIKENESS_REVIEW_SETTINGS") or "{}")
os.environ[GATED] = "1"

app = st.App(
    Path(__file__).with_name("app.py"),
    middleware=[
        Middleware(
            Gate,
            password=os.environ.get(PASSWORD, ""),
            user_header=_settings.review.user_header,
            proxies=_settings.review.proxies,
        )
    ],
)
