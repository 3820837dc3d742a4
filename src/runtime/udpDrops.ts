import { readdir, readFile, readlink } from 'node:fs/promises'

/**
 * Datagrams that the system dropped because this process' UDP sockets were full, since they were opened, by the `drops`
 * column of /proc/net/udp and udp6.
 *
 * @returns undefined where the system does not tell (anything but Linux)
 */
export async function udpDrops(): Promise<number | undefined> {
  try {
    const [own, ...tables] = await Promise.all([
      ownSocketInodes(),
      readFile('/proc/net/udp', 'latin1'),
      readFile('/proc/net/udp6', 'latin1').catch(() => ''), // a kernel without IPv6
    ])
    return tables.reduce((sum, table) => sum + sumDrops(table, own), 0)
  } catch {
    return undefined // no /proc here
  }
}

/** The last column of each row whose inode, the tenth, is one of `inodes`. */
export function sumDrops(table: string, inodes: ReadonlySet<string>): number {
  let sum = 0
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    if (inodes.has(columns[9] ?? '')) sum += Number(columns.at(-1))
  }
  return sum
}

async function ownSocketInodes(): Promise<Set<string>> {
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(
    descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')), // closed meanwhile
  )
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []))
}
