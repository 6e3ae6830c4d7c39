import type { ScannedPath } from '../engine/scan.ts'
import type { SuppressedReport } from '../engine/suppression.ts'

/** JUnit XML as CI systems read it: a case a file, a failure for findings, an error for what could not be read. */
export function toJUnit(results: readonly SuppressedReport<ScannedPath>[]): string {
  const files = results.filter(({ report }) => report.kind === 'file')
  const failures = files.filter(({ report }) => report.verdict === 'findings').length
  const errors = files.filter(({ report }) => report.verdict === 'inconclusive').length
  const cases = files.map(({ report }) => {
    const head = `    <testcase classname="sallyport.scan" name="${escapeXml(report.path)}"`
    if (report.verdict === 'clean') return `${head}/>`
    const element = report.verdict === 'findings' ? 'failure' : 'error'
    const [first] = report.findings
    const body = report.findings
      .map(
        ({ severity, rule, message, location }) => `${severity} ${rule} ${location.member ?? ''} ${message}`,
      )
      .join('\n')
    return `${head}>\n      <${element} type="${escapeXml(first?.rule ?? '')}" message="${escapeXml(first?.message ?? '')}">${escapeXml(body)}</${element}>\n    </testcase>`
  })
  const counts = `tests="${files.length}" failures="${failures}" errors="${errors}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="sallyport scan" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escapeXml(text: string): string {
  return (
    text
      .replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 cannot hold them, not even escaped
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/g, '\ufffd')
  )
}
