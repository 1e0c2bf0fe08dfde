-- Wishes that nobody could grant go after a while.
CREATE INDEX stock_wish_asked_at ON stock_wish (asked_at);
