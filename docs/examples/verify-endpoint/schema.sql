-- The part of a site's database that the endpoint looks at, with two users to try it with.
CREATE TABLE IF NOT EXISTS users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  passkey TEXT NOT NULL UNIQUE,
  may_announce INTEGER NOT NULL DEFAULT 1
);
INSERT OR IGNORE INTO users VALUES (1, 'alice', '11111111111111111111111111111111', 1);
INSERT OR IGNORE INTO users VALUES (2, 'bob (banned)', '22222222222222222222222222222222', 0);
