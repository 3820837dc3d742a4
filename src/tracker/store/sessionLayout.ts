import { layoutOf } from '../../bittorrent/packedLayout.ts'

/**
 * The record of a session in `session:…`. Only scripts write and read it: lua/lib/writeSession.lua, readSession.lua and
 * isFull.lua.
 */
export const SESSION_LAYOUT = layoutOf([
  { name: 'uploaded', format: 'I8' },
  { name: 'downloaded', format: 'I8' },
  { name: 'lastSeconds', format: 'I4' },
  { name: 'sinceSeconds', format: 'I4' },
  { name: 'ipv4Seconds', format: 'I4' },
  { name: 'ipv6Seconds', format: 'I4' },
  { name: 'role', format: 'B' },
  { name: 'endpoints', format: 'c24' },
])
