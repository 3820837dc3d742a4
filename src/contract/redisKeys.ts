// Names that other systems rely on; changing one is a breaking release. `redis/keys.ts` puts prefix and tag before them.

/** The site's list of passkeys that may announce, a set. */
export const PASSKEYS_KEY = 'pt:passkeys'
/** The site's list of torrents, where it keeps one. */
export const TORRENTS_KEY = 'pt:torrents'
/** The v2 infohashes of the site's hybrid torrents and the v1 infohashes that stand for them, a hash. */
export const ALIASES_KEY = 'pt:aliases'
/** What each announce moved, a stream. */
export const TRAFFIC_KEY = 'tracker:traffic'
/** How often each torrent was finished, a hash. */
export const SNATCHES_KEY = 'tracker:snatches'
/** The swarms there are, for the sweep. */
export const SWARMS_KEY = 'tracker:swarms'
/** The fleet's counters, a hash. */
export const STATS_KEY = 'tracker:stats'
/** Held by the instance that sweeps. */
export const SWEEP_LEASE_KEY = 'tracker:sweep'
/** Appended to the name of the traffic stream: entries that could not be settled. */
export const DEAD_LETTERS_SUFFIX = ':dlq'
/** The same for those that were given up after the last attempt. */
export const FAILED_SUFFIX = ':failed'
