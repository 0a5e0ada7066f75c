"use strict";
// Pong as eigenwell.worlds.pong plays it, one court, in float32 as there.
const RULES = data.rules, f32 = Math.fround;
const TOP = RULES.SIZE - RULES.PADDLE_HEIGHT, LOWEST = RULES.SIZE - RULES.BALL;
const DIRECTION = [0, 0, -1, 1, -1, 1], FIRES = [false, true, false, false, true, true];
const clip = (x, low, high) => Math.min(Math.max(x, low), high);
function even(x) {  // to the nearest pixel, and from between two to the even one
  const low = Math.floor(x), rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

class Pong {
  constructor(random = Math.random) {
    this.random = random;
    this.opponentScore = this.playerScore = 0;
    this.player = f32(random() * TOP);
    this.opponent = f32(random() * TOP);
    this.row = this.column = this.down = this.right = 0;
    this.pause = RULES.PAUSE;
  }
  get inPlay() { return this.pause === 0; }
  // Row, downward and rightward speed of a new ball.
  serve() {
    return [SIZE / 4 + this.random() * SIZE / 2, (this.random() - 0.5) * RULES.STEEPEST,
      this.random() < 0.5 ? -RULES.BALL_SPEED : RULES.BALL_SPEED];
  }
  step(action) {  // returns 1 for the player's point, -1 for the opponent's
    let served = false;
    if (this.pause > 0) {
      this.pause--;
      // After a point the ball has to leave the picture for a frame, or it would jump.
      if (FIRES[action] && this.pause < RULES.PAUSE - 1) this.pause = 0;
      served = this.pause === 0;
    }
    if (served) {
      [this.row, this.down, this.right] = this.serve().map(f32);
      this.column = (SIZE - RULES.BALL) / 2;
    }
    this.player = clip(f32(this.player + RULES.PADDLE_SPEED * DIRECTION[action]), 0, TOP);
    const speed = f32(RULES.OPPONENT_SPEED);
    const aim = f32((this.inPlay ? f32(this.row + RULES.BALL / 2) : SIZE / 2) - RULES.PADDLE_HEIGHT / 2);
    this.opponent = clip(f32(this.opponent + clip(f32(aim - this.opponent), -speed, speed)), 0, TOP);
    return this.inPlay && !served ? this.move() : 0;
  }
  move() {
    const before = this.column;
    this.row = f32(this.row + this.down);
    this.column = f32(before + this.right);
    if (this.row < 0 || this.row > LOWEST) this.down = -this.down;
    if (this.row < 0) this.row = -this.row;
    if (this.row > LOWEST) this.row = f32(2 * LOWEST - this.row);
    const left = RULES.OPPONENT_COLUMN + RULES.PADDLE_WIDTH, right = RULES.PLAYER_COLUMN - RULES.BALL;
    if (before >= left && this.column < left) this.bounce(this.opponent, left);
    if (before <= right && this.column > right) this.bounce(this.player, right);
    const reward = this.column < 0 ? 1 : this.column > LOWEST ? -1 : 0;
    if (reward) {
      this.pause = RULES.PAUSE;
      if (reward > 0) this.playerScore++; else this.opponentScore++;
      if (Math.max(this.playerScore, this.opponentScore) >= 21) this.playerScore = this.opponentScore = 0;
    }
    return reward;
  }
  bounce(paddle, at) {
    const reach = (RULES.PADDLE_HEIGHT + RULES.BALL) / 2;
    const offset = f32(f32(f32(f32(this.row + RULES.BALL / 2) - paddle) - RULES.PADDLE_HEIGHT / 2) / reach);
    if (Math.abs(offset) > 1) return;
    this.column = f32(2 * at - this.column);
    this.right = -this.right;
    this.down = f32(f32(RULES.STEEPEST) * offset);
  }
  // Centre of the ball as drawn, [row, column], null without one.
  get ball() {
    const half = (RULES.BALL - 1) / 2;
    return this.inPlay ? [even(this.row) + half, even(this.column) + half] : null;
  }
  draw() {
    const picture = new Float32Array(PIXELS);
    const fill = (top, left, height, width) => {
      for (let i = top; i < top + height; i++) picture.fill(1, i * SIZE + left, i * SIZE + left + width);
    };
    fill(even(this.opponent), RULES.OPPONENT_COLUMN, RULES.PADDLE_HEIGHT, RULES.PADDLE_WIDTH);
    fill(even(this.player), RULES.PLAYER_COLUMN, RULES.PADDLE_HEIGHT, RULES.PADDLE_WIDTH);
    if (this.inPlay) fill(even(this.row), even(this.column), RULES.BALL, RULES.BALL);
    return picture;
  }
}

// The rally-keeping player: follows the ball at a place on the paddle that it changes now and then,
// and does something else for 30 % of the frames.
function rallyPlayer(random = Math.random) {
  let last = Math.floor(random() * 6), aim = random() * 8 - 4;
  return (game) => {
    if (random() < 0.1) aim = random() * 8 - 4;
    const fire = random() < 0.5 ? 0 : 1;
    if (!game.ball || random() < 0.3) {
      if (random() >= 0.75) last = Math.floor(random() * 6);
      return last;
    }
    const off = game.ball[0] + aim - (even(game.player) + (RULES.PADDLE_HEIGHT - 1) / 2);
    return off < -1.25 ? [2, 4][fire] : off > 1.25 ? [3, 5][fire] : fire;
  };
}
