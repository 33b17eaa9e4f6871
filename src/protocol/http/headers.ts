// Lists of header fields (name, value, name, value; RFC 9110, section 5) and how to read one. Pure.

/** The value of the first field of that name, or undefined. @param name in lower case */
export function fieldValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) return headers[i + 1];
  }
  return undefined;
}

/** The values of all fields of that name, in order. @param name in lower case */
export function fieldValues(headers: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (isNamed(headers[i]!, name)) values.push(headers[i + 1]!);
  }
  return values;
}

/** What the fields take on the wire, in bytes: name, colon, space, value, CRLF. */
export function fieldsBytes(headers: readonly string[]): number {
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) bytes += headers[i]!.length + headers[i + 1]!.length + 4;
  return bytes;
}

/** Whether a field's name is that name, in any ASCII case. @param wanted in lower case */
export function isNamed(name: string, wanted: string): boolean {
  return name.length === wanted.length && (name === wanted || name.toLowerCase() === wanted);
}
