// Colours as a parameter: the same text is written to a browser without them and to a terminal with them.

/** What a piece of text is, for whoever colours it. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** Gives a text a style. */
export type Paint = (style: Style, text: string) => string;

/** Leaves it as it is. */
export const plainPaint: Paint = (_style, text) => text;
