import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The users of `dist/redis/users.acl`. */
export const REDIS_USERS = ['admin', 'operator', 'tracker', 'site', 'consumer'] as const
export type RedisUser = (typeof REDIS_USERS)[number]

const RENDER = fileURLToPath(new URL('../../../dist/redis/render-acl.sh', import.meta.url))

/** Long enough for render-acl.sh, and easy to look for in what programs print. */
export const passwordOf = (user: RedisUser): string => `secret-of-${user}-in-redis`

/** Users as the shipped file has them, with the passwords of the tests, in a file for `--aclfile`. */
export function writeUsersFile(
  path: string,
  environment: Readonly<Record<string, string>> = passwordEnvironment(),
): void {
  const users = execFileSync('sh', [RENDER], { env: { PATH: process.env.PATH, ...environment } })
  writeFileSync(path, users)
}

/** What render-acl.sh takes. */
export function passwordEnvironment(): Record<string, string> {
  return Object.fromEntries(REDIS_USERS.map((user) => [`${user.toUpperCase()}_PASSWORD`, passwordOf(user)]))
}

/** The server at `url` as this user; a URL with no user of ours in it is left as it is. */
export function urlAs(user: RedisUser, url: string): string {
  const parsed = new URL(url)
  if (!(REDIS_USERS as readonly string[]).includes(parsed.username)) return url
  parsed.username = user
  parsed.password = passwordOf(user)
  return parsed.href
}

let usersFile: string | undefined

/** One file for all servers of this process. */
export function sharedUsersFile(): string {
  if (usersFile === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'redswarm-acl-'))
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    usersFile = join(folder, 'users.acl')
    writeUsersFile(usersFile)
  }
  return usersFile
}
