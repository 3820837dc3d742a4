import { defineScript } from '../../../redis/script.ts'

/**
 * Takes, renews or (with `leaseMs` 0) gives back a lease; true when the caller holds it now.
 * One round trip. Throws StoreUnavailable.
 */
export const leaseScript = defineScript({
  file: 'tracker/lease.lua',
  keys: ['lease'],
  args: ['owner', 'leaseMs'],
  parse: (reply): boolean => reply === 1,
})
