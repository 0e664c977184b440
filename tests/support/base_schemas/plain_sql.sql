-- The base tables as the older back end wrote them: serial ids, CHECKs, timestamps without a zone.
CREATE TABLE dealership (
    id SERIAL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    logo_url TEXT,
    address TEXT NOT NULL,
    phone VARCHAR(20) NOT NULL,
    email VARCHAR(255) NOT NULL,
    website_url VARCHAR(255) UNIQUE,
    hero_type VARCHAR(20) NOT NULL DEFAULT 'image',
    theme_color VARCHAR(7) NOT NULL DEFAULT '#3B82F6',
    secondary_theme_color VARCHAR(7) NOT NULL DEFAULT '#FFFFFF',
    body_background_color VARCHAR(7) NOT NULL DEFAULT '#FFFFFF',
    font_family VARCHAR(100) NOT NULL DEFAULT 'system',
    created_at TIMESTAMP DEFAULT now()
);
CREATE TABLE vehicle (
    id SERIAL PRIMARY KEY,
    dealership_id INTEGER NOT NULL REFERENCES dealership (id) ON DELETE CASCADE,
    make VARCHAR(100) NOT NULL,
    model VARCHAR(100) NOT NULL,
    year INTEGER NOT NULL,
    price DECIMAL(10, 2) NOT NULL,
    mileage INTEGER NOT NULL,
    condition VARCHAR(10) NOT NULL CHECK (condition IN ('new', 'used')),
    status VARCHAR(10) NOT NULL DEFAULT 'draft'
        CHECK (status IN ('active', 'sold', 'pending', 'draft')),
    title VARCHAR(255) NOT NULL,
    description TEXT,
    images JSONB DEFAULT '[]',
    created_at TIMESTAMP DEFAULT now()
);
CREATE TABLE lead (
    id SERIAL PRIMARY KEY,
    dealership_id INTEGER NOT NULL REFERENCES dealership (id) ON DELETE CASCADE,
    vehicle_id INTEGER REFERENCES vehicle (id) ON DELETE SET NULL,
    name VARCHAR(255) NOT NULL,
    email VARCHAR(255) NOT NULL,
    phone VARCHAR(20) NOT NULL,
    message TEXT NOT NULL,
    status VARCHAR(20) DEFAULT 'received'
        CONSTRAINT a_name_nobody_expects CHECK (status IN ('received', 'in progress', 'done')),
    created_at TIMESTAMP DEFAULT now()
);
CREATE INDEX idx_vehicle_dealership_id ON vehicle (dealership_id);
CREATE INDEX idx_lead_created_at ON lead (created_at DESC);

INSERT INTO dealership (name, address, phone, email) VALUES
    ('Northside', '1 Road', '07 3000 0000', 'north@example.com'),
    ('Southside', '2 Road', '07 3000 0001', 'south@example.com');
INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, status, title)
SELECT 1 + n % 2, 'Mazda', '3', 2015 + n, 9000 + n, 1000 * n, 'used', 'active', 'Mazda 3 ' || n
FROM generate_series(1, 6) AS n;
INSERT INTO lead (dealership_id, vehicle_id, name, email, phone, message, status) VALUES
    (1, 2, 'Ana', 'ana@example.com', '0400000001', 'Is it there?', 'received'),
    (2, NULL, 'Bo', 'bo@example.com', '0400000002', 'Hello', 'done');
