"""Where Airflow looks for example DAGs: a package named like the distribution, with a folder ``example_dags``.

Everything else of this distribution is in :mod:`osiris_provider`.
"""
