-- Run once, by the PostgreSQL image, when its volume is new: the database that the example connections point to.
\getenv password DEMO_PASSWORD
CREATE ROLE osiris LOGIN PASSWORD :'password';
CREATE DATABASE demo OWNER osiris;
