import { afterAll, expect } from 'vitest'
import { saidSecrets } from './secretsWatch.ts'

// Loaded before each end-to-end test file, so that this runs after its own last hook: all is said by then.
afterAll(() => {
  expect(saidSecrets().leaks, 'secrets in what the programs said').toEqual([])
})
