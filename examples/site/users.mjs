import { DatabaseSync } from 'node:sqlite'

/**
 * The site's table of users. A real site has one already; of it the tracker's side needs a name and a passkey.
 *
 * @param {string} path of the SQLite file, which is made where there is none
 */
export function openUsers(path) {
  const database = new DatabaseSync(path)
  database.exec(`
    CREATE TABLE IF NOT EXISTS users (uid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, passkey TEXT NOT NULL UNIQUE)
  `)
  const add = database.prepare('INSERT INTO users (name, passkey) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const all = database.prepare('SELECT uid, name, passkey FROM users ORDER BY uid')
  const byName = database.prepare('SELECT uid, name, passkey FROM users WHERE name = ?')
  const byPasskey = database.prepare('SELECT 1 FROM users WHERE passkey = ?')
  return {
    /** Someone who is there already stays as they are. */
    register: (name, passkey) => void add.run(name, passkey),
    all: () => all.all(),
    byName: (name) => byName.get(name),
    hasPasskey: (passkey) => byPasskey.get(passkey) !== undefined,
    close: () => database.close(),
  }
}
