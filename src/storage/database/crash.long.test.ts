import { expect, test } from 'vitest'
import { crashRounds } from '../../../test/support/crash-rounds.ts'
import { DATABASES } from '../../../test/support/databases.ts'

test.for(DATABASES)(
  'on $dialect every row that was acknowledged survives 100 rounds of kill -9',
  async (kind, context) => {
    const report = await crashRounds(await kind.emptyUrl(context), 100)
    context.annotate(`${report.acknowledged} rows acknowledged, ${report.lost.length} lost`)
    expect(report.acknowledged).toBeGreaterThan(300)
    expect(report).toMatchObject({ lost: [], unexplained: [] })
  },
)
