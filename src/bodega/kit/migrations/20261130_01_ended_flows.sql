-- Flows that have ended go after a while. This finds those whose time has come among all that there ever were.
CREATE INDEX flow_ended ON flow (updated_at) WHERE state = 'ended';
