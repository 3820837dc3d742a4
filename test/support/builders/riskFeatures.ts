import type { SightingFeatures } from '../../../src/site/risk/sightings.ts'
import type { Span } from '../../../src/site/risk/verdict.ts'
import type { WindowFeatures } from '../../../src/site/risk/windowRows.ts'
import { anInfohash, aPasskey, aPeerId } from './builders.ts'

export const KIB = 1024n
export const MIB = 1024n ** 2n
export const GIB = 1024n ** 3n
export const HOUR = 3600

/** A window of ten minutes. */
export const SPAN: Span = { fromSeconds: 1_700_000_400, untilSeconds: 1_700_001_000 }
/** A day that ends with it. */
export const DAY: Span = { fromSeconds: SPAN.untilSeconds - 24 * HOUR, untilSeconds: SPAN.untilSeconds }

/** Half an hour of a seeder who uploads a little, unless told otherwise. */
export const aRow = (overrides: Partial<WindowFeatures> = {}): WindowFeatures => ({
  passkey: aPasskey(),
  infohash: anInfohash(),
  uploaded: 10n * MIB,
  downloaded: 0n,
  seconds: 1800,
  uploadedNoLeechers: 0n,
  ...overrides,
})

/** A client that was there for the two hours around the window. */
export const aSighting = (overrides: Partial<SightingFeatures> = {}): SightingFeatures => ({
  passkey: aPasskey(),
  infohash: anInfohash(),
  peerId: aPeerId(),
  ip4: '198.51.100.1',
  ip6: undefined,
  port: 42_000,
  firstSeconds: SPAN.fromSeconds - HOUR,
  lastSeconds: SPAN.untilSeconds + HOUR,
  ...overrides,
})
