// Words that signs, covers and sentences use: sign vocabulary, surnames, numbers, places of the 3x3 naming.

/** Short upper-case words for signs and book titles, three to seven letters each. */
export const SIGN_WORDS: readonly string[] = `
STOP OPEN EXIT TAXI HOTEL BANK CAFE SHOP SALE FREE PARK SLOW TURN LEFT RIGHT NORTH SOUTH EAST WEST PUSH
PULL ENTER CLOSED DANGER HELP FIRE WATER POLICE SCHOOL BRIDGE STREET ROAD RIVER LAKE BEACH OCEAN ISLAND FOREST
GARDEN FARM MARKET BAKERY MUSEUM THEATER CINEMA STATION AIRPORT HARBOR TICKET TRAIN SUBWAY METRO TUNNEL TOWER
CASTLE PALACE CHURCH LIBRARY OFFICE DOCTOR NURSE DENTIST BARBER COFFEE LUNCH DINNER MENU PRICE CASH MONEY GOLD
SILVER STONE GLASS PAPER WOOD IRON STEEL COTTON SUGAR SALT HONEY MILK JUICE WINE RICE SOUP FISH MEAT SUN MOON STAR
SKY CLOUD RAIN SNOW STORM WIND WINTER SPRING SUMMER AUTUMN MONDAY FRIDAY SUNDAY JANUARY MARCH APRIL JUNE JULY
AUGUST TODAY NIGHT DAY WEEK YEAR HOUR HOME HOUSE KITCHEN WINDOW DOOR FLOOR TABLE QUEEN KING PRINCE KNIGHT DRAGON
GIANT GHOST MAGIC SECRET DREAM STORY POEM LETTER SONG DANCE MUSIC PIRATE ROBOT PLANET COMET ROYAL QUIET ZONE JOY
BOX VAN GYM JUMP QUIZ
`
  .trim()
  .split(/\s+/);

/** Authors' surnames, at most seven letters. */
export const SURNAMES: readonly string[] = `
SMITH JONES BROWN MILLER DAVIS WILSON MOORE TAYLOR WHITE HARRIS MARTIN CLARK LEWIS LEE WALKER HALL ALLEN YOUNG
WRIGHT LOPEZ HILL SCOTT GREEN ADAMS BAKER NELSON CARTER PEREZ ROBERTS TURNER PARKER EVANS EDWARDS COLLINS STEWART
MORRIS ROGERS REED COOK MORGAN BELL MURPHY BAILEY COOPER COX HOWARD WARD TORRES GRAY RAMIREZ JAMES WATSON BROOKS
KELLY SANDERS BENNETT WOOD BARNES ROSS PERRY
`
  .trim()
  .split(/\s+/);

export const NUMBER_WORDS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'] as const;
export const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh'] as const;

/** The 3x3 naming, row-major; `PLACE_PHRASES` puts each into a sentence. */
export const PLACES = [
  'top left',
  'top',
  'top right',
  'left',
  'centre',
  'right',
  'bottom left',
  'bottom',
  'bottom right',
] as const;
export type Place = (typeof PLACES)[number];

/** `at the top left`, `in the centre`. */
export function placePhrase(place: Place): string {
  return place === 'centre' ? 'in the centre' : `at the ${place}`;
}

/** `a, b and c`. */
export function listOf(parts: readonly string[]): string {
  if (parts.length <= 1) return parts[0] ?? '';
  return `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}

export function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
