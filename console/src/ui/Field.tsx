import {
  FieldError, Input, Label, Text, TextArea, TextField, type TextFieldProps,
} from 'react-aria-components';

export interface Props extends Omit<TextFieldProps, 'className' | 'style' | 'children'> {
  label: string;
  description?: string;
  /** What is wrong with the value, under the field; makes it invalid. */
  wrong?: string | undefined;
  rows?: number;
  placeholder?: string;
}

/** A text field with its label, its hint and its error; with `rows` one of several lines. */
export function Field({ label, description, wrong, rows, placeholder, ...rest }: Props) {
  return (
    <TextField {...rest} className="field" isInvalid={wrong !== undefined} validationBehavior="aria">
      <Label>{label}</Label>
      {rows ? <TextArea className="input" rows={rows} placeholder={placeholder} />
            : <Input className="input" placeholder={placeholder} />}
      {description && <Text slot="description" className="hint">{description}</Text>}
      <FieldError className="wrong">{wrong}</FieldError>
    </TextField>
  );
}
