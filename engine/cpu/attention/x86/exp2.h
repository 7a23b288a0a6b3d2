/* 2^x on [0, 1]: the polynomial of degree 5 whose relative error is smallest (7.5e-8), by Remez' exchange. */
#pragma once

#define EXP2_0 0.99999994f
#define EXP2_1 0.693153083f
#define EXP2_2 0.240153611f
#define EXP2_3 0.0558263175f
#define EXP2_4 0.00898933969f
#define EXP2_5 0.00187757669f
