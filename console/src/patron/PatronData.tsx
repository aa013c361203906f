export default function PatronData() { return null; }
