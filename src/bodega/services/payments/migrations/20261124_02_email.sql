-- Who may be told of a declined card. Payments made before this step have none, and nobody is told.
ALTER TABLE payment ADD COLUMN email text;
