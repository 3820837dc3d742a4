import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import { uploadAboveDownloadsRule } from '../../../../../src/site/risk/rules/uploadAboveDownloads.ts'
import { anInfohash, aPasskey } from '../../../../support/builders/builders.ts'
import { DAY, GIB } from '../../../../support/builders/riskFeatures.ts'

/** A torrent by what its users uploaded, in GiB, and what all of them downloaded. */
function find(uploads: readonly bigint[], downloaded: bigint) {
  const uploaders = uploads.map((gib, i) => ({ passkey: aPasskey(i), uploaded: gib * GIB }))
  const uploaded = uploaders.reduce((sum, uploader) => sum + uploader.uploaded, 0n)
  return decide(
    uploadAboveDownloadsRule,
    { infohash: anInfohash(), uploaded, downloaded: downloaded * GIB, uploaders },
    DAY,
    uploadAboveDownloadsRule.settings.parse({}),
  )
}

test('who uploads more than everybody took is named, and nobody else', () => {
  const findings = find([200n, 20n], 25n)
  expect(findings).toHaveLength(1)
  expect(findings[0]).toMatchObject({
    severity: 'high',
    passkey: aPasskey(0),
    infohash: anInfohash(),
    summary: 'uploaded 200.0 GiB of a torrent of which all downloaders together took 25.0 GiB in 24 h',
  })
})

test('a seedbox that uploads fifty times the size of a fresh torrent, to those who took it, is believed', () => {
  expect(find([2000n], 2000n)).toEqual([])
})

test('the last reports of leechers who vanished are missing: within the slack nobody is named', () => {
  expect(find([105n], 100n)).toEqual([])
  expect(find([5n], 0n)).toEqual([])
})

test('where any of the uploaders may be the one, the torrent is named and no passkey', () => {
  const findings = find([90n, 80n, 70n], 100n)
  expect(findings).toHaveLength(1)
  expect(findings[0]).toMatchObject({ severity: 'medium', passkey: undefined, infohash: anInfohash() })
  expect(findings[0]!.summary).toMatch(/^240\.0 GiB uploaded .* no uploader alone is above it$/)
  expect(findings[0]!.evidence.uploaders).toHaveLength(3)
})
