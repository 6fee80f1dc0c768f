"""Connections files for the tests."""

from __future__ import annotations

from pathlib import Path

SAMPLE_VARIABLES = {
    "MYSQL_PASSWORD": "secret123",
    "MYSQL_PROD_PASSWORD": "secret456",
    "SUPABASE_SERVICE_ROLE_KEY": "service-role-secret",
    "SHOPIFY_ACCESS_TOKEN": "shpat_secret",
    "API_KEY": "api-secret",
}

SAMPLES = """\
version: 1
connections:
  mysql:
    default:
      host: localhost
      port: 3306
      database: mydb
      user: admin
      password: ${MYSQL_PASSWORD}
      charset: utf8mb4
      ssl: false
    production:
      host: prod-db.example.com
      port: 3306
      database: prod_db
      user: readonly
      password: ${MYSQL_PROD_PASSWORD}
  supabase:
    default:
      url: https://abc123.supabase.co
      service_role_key: ${SUPABASE_SERVICE_ROLE_KEY}
      api_version: v1
  shopify:
    main:
      shop_domain: mystore.myshopify.com
      access_token: ${SHOPIFY_ACCESS_TOKEN}
      api_version: "2024-01"
  api:
    default:
      base_url: https://api.example.com/v1
      api_key: ${API_KEY}
      timeout: 30
"""
"""The samples of the contract, in one file."""


def write(directory: Path, text: str | bytes) -> Path:
    """Write a connections file and return its path."""
    path = directory / "osiris_connections.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mysql(fields: str, alias: str = "default") -> str:
    """Return a file with one MySQL connection of the given flow-style fields, besides host and user."""
    return f"version: 1\nconnections:\n  mysql:\n    {alias}: {{host: h, user: u{', ' if fields else ''}{fields}}}\n"


def block(*lines: str) -> str:
    """Return a file with one MySQL connection whose fields are the given lines."""
    return "version: 1\nconnections:\n  mysql:\n    default:\n" + "".join(f"      {line}\n" for line in lines)
