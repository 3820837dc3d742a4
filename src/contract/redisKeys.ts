/** Key names that other systems rely on; changing one is a breaking release. `redis/keys.ts` puts prefix and tag before them. */
export const PASSKEYS_KEY = 'pt:passkeys'
/** The site's list of torrents, where it keeps one. */
export const TORRENTS_KEY = 'pt:torrents'
export const TRAFFIC_KEY = 'tracker:traffic'
export const SNATCHES_KEY = 'tracker:snatches'
export const SWARMS_KEY = 'tracker:swarms'
export const STATS_KEY = 'tracker:stats'
export const SWEEP_LEASE_KEY = 'tracker:sweep'
/** Appended to the name of the traffic stream: entries that could not be settled, and those given up. */
export const DEAD_LETTERS_SUFFIX = ':dlq'
export const FAILED_SUFFIX = ':failed'
