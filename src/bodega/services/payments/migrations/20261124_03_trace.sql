-- The headers of the trace in which the payment was wished for: whoever drives it goes on in that.
ALTER TABLE payment ADD COLUMN trace jsonb NOT NULL DEFAULT '{}';
